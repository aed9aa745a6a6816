"""Passwords of 8 characters and more that guessers try first.

Rows of digits, walks over the keyboard, and the usual words with the usual numbers,
in English and Portuguese; all in lower case.
"""

_WORDS = """
00000000 000000000 0000000000 01020304 01234567 012345678 0123456789 10203040
102030405060 11111111 111111111 1111111111 11112222 11223344 1122334455 12121212
12123434 12312312 123123123 123321123 12341234 123412345 12344321 1234554321 12345678
123456780 123456789 1234567890 12345678910 123456789a 123456789q 12345678a 12345678q
123456abc 123456asd 123456qwe 1234abcd 1234qwer 123abc123 123mudar 123mudar123 12qwaszx
13131313 13579246 1357924680 14725836 147258369 147852369 1q2w3e4r 1q2w3e4r5t
1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 20202020 21212121 22222222 23232323 23456789
24681357 246813579 25252525 31415926 314159265 33333333 44444444 55555555 66666666
69696969 741852963 77777777 789456123 7894561230 80808080 87654321 88888888 963852741
98765432 987654321 9876543210 99999999 999999999 a1234567 a12345678 a123456789 a1b2c3d4
a1b2c3d4e5 aa123456 aa12345678 aaaaaaaa abc12345 abc123456 abc123abc abcd1234 abcd12345
abcdefgh abcdefghi abcdefghij admin123 admin1234 admin12345 admin123456 admin@123
admin@1234 administrador administrator amorzinho asd12345 asdasdasd asdf1234 asdfasdf
asdfghjk asdfghjkl asdqwe123 baseball basketball batman123 bismillah brasil10 brasil123
brasil2014 brazil123 butterfly changeme changeme1 changeme123 charlie1 chocolate
computador computer corinthians cruzeiro daniel123 default1 demo1234 dragon123 elephant
estrela1 fernando flamengo flamengo1 fluminense football football1 gabriel1 gabriel123
gabriela gremio123 guest123 hello123 helloworld iloveyou iloveyou1 internacional
internet jesus123 jesuscristo jesuseamor jesusteamo johnson1 juliana1 lakers24 letmein1
letmein123 liverpool login123 manchester master123 metallica michael1 michelle minecraft
minhasenha monkey123 mudar123 mudar@123 mustang1 mynoob123 myspace1 naosei123 naruto123
nicholas northside p@$$w0rd p@ssw0rd p@ssw0rd1 p@ssw0rd123 p@ssword pa$$word palmeiras
pass1234 pass12345 passw0rd passw0rd1 password password! password01 password1 password1!
password12 password123 password123! password1234 password2 pokemon1 pokemon123 princesa
princess princess1 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qazwsx123 qazwsxedc qqqqqqqq
qwe123456 qweasdzxc qwer1234 qwer12345 qwert123 qwert12345 qwerty12 qwerty123 qwerty1234
qwerty12345 qwerty123456 qwerty@123 qwertyui qwertyuiop qwertyuiop1 rafael123 ricardo1
root1234 samsung1 santos123 saopaulo secret12 secret123 senha123 senha1234 senha12345
senha123456 senha@123 senhafacil senhaforte senhasegura senhasenha starwars starwars1
summer2024 summer2025 sunshine sunshine1 superman superman1 teamojesus test1234
test12345 testando teste123 teste1234 teste12345 testtest trustno1 user1234 usuario1
usuario123 vasco123 vascodagama victoria vitoria1 welcome1 welcome1! welcome12
welcome123 welcome@123 whatever winter2024 winter2025 yankees1 zaq12wsx zaq1xsw2
zaq1zaq1 zxcvbnm, zxcvbnm1 zxcvbnm123 zxcvbnma
"""

COMMON_PASSWORDS = frozenset(_WORDS.split())
