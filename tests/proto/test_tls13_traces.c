/*
 * RFC 8448, all its traces (sections 3 to 7): hellos, retry, early data, client authentication and compatibility mode, record by
 * record. The client's private value is the RFC's, and what it and the messages in the clear lead to has to open each
 * protected record of both sides; sealed again, each is the RFC's own, byte for byte, and each Finished in them is the one that is
 * computed here. Compatibility mode's change_cipher_spec records stand outside all of that, and are left out.
 *
 * Some values on the way, of sections 3 and 4, are in test_tls13_vectors.c. RFC 9180 has no part in TLS without Encrypted Client
 * Hello, which is not here.
 */
#include "support/hex.h"
#include "support/proto_test.h"

#include "crypto/kx.h"
#include "tls/handshake.h"
#include "tls/schedule_13.h"

typedef struct trace {
    const char *name;
    dor_group group;
    const char *scalar, *psk;        /* the client's; the ticket's */
    const char *first_hello, *retry; /* NULL: there was no retry */
    const char *hello, *early;       /* messages and records, as all that follow */
    const char *server_hello, *server, *client, *server_after, *client_after;
} trace;

/* clang-format off */
static const trace traces[] = {
    {.name = "section 3, simple",
     .group = DOR_GROUP_X25519,
     .scalar = "49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005",
     .psk = NULL,
     .hello =
         "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000"
         "910000000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102010301040023000000"
         "3300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d"
         "0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001",
     .server_hello =
         "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d"
         "0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304",
     .server =
         "17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca0761"
         "2ef9f945cb960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13bd9aefb0e"
         "57f271585b8ea9bb355c7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c7d0e50928944"
         "4c9b3a648f1d71035d2ed65b0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd610928d809810e4b7ed1a"
         "8fd991f06aa6248204797e36a6a73b70a2559c09ead686945ba246ab66e5edd8044b4c6de3fcf2a89441ac66272fd8fb330e"
         "f8190579b3684596c960bd596eea520a56a8d650f563aad27409960dca63d3e688611ea5e22f4415cf9538d51a200c270342"
         "72968a264ed6540c84838d89f72c24461aad6d26f59ecaba9acbbb317b66d902f4f292a36ac1b639c637ce343117b6596222"
         "45317b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31c7a84dc3bd7e1b7a6c7178af36879018e3f252107f24"
         "3d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052cf93b16499a66db7cca71e4599426f7d461e6"
         "6f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe5a37668936b335583b599186dc5c6918a396fa48"
         "a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999b"
         "bf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f"
         "60f0504de93b5b845e275592c12335ee340bbc4fddd502784016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3794e"
         "44f94df5a631ede42c1719bfdabf0253fe5175be898e750edc53370d2b",
     .client =
         "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeac"
         "ab6867d726c40546",
     .server_after =
         "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a0159"
         "40252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e09c30ba1e"
         "62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77f81b5ab05b94"
         "c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74bc2697687e248746"
         "d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f17030300432e937e11ef4ac740e538ad36005fc4a46932"
         "fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d17"
         "03030013b58fd67166ebf599d24720cfbe7efa7a8864a9",
     .client_after =
         "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b6297"
         "4e1f5a6292a2977014bd1e3deae63aeebb21694915e41703030013c9872760655666b74d7ff1153efd6db6d0b0e3",
    },
    {.name = "section 4, resumed, early data",
     .group = DOR_GROUP_X25519,
     .scalar = "bff91188283846dd6a2134ef7180ca2b0b14fb10dce707b5098c0dddc813b2df",
     .psk = "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3",
     .hello =
         "010001fc03031bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95000006130113031302010001"
         "cd0000000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102010301040033002600"
         "24001d0020e4ffb68ac05f8d96c99da26698346c6be16482badddafe051a66b4f18d668f0b002a0000002b0003020304000d"
         "0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c0002400100150057"
         "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000000000000000000000000000000000000000000000002900dd00b800b22c035d8293"
         "59ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c498883c9367c09a2be785abc55cd226097a3a9"
         "82117283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce145077d454a3664d4e6da4d29ee03725a6a4dafcd0fc"
         "67d2aea70529513e3da2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf297b5aea617646fac5c03272e970727c621a7"
         "9141ef5f7de6505e5bfbc388e93343694093934ae4d357fad6aacb0021203add4fb2d8fdf822a0ca3cf7678ef5e88dae9901"
         "41c5924d57bb6fa31b9e5f9d",
     .early =
         "1703030017ab1df420e75c457a7cc5d2844f76d5aee4b4edbf049be01703030015aca6fc944841298df99593725f9bf97544"
         "29b12f09",
     .server_hello =
         "0200005c03033ccfd2dec890222763472ae8136777c9d7358777bb66e91ea5122495f559ea2d001301000034002900020000"
         "00330024001d0020121761ee42c333e1b9e77b60dd57c2053cd94512ab47f115e86eff50942cea31002b00020304",
     .server =
         "1703030061dc48237b4b879f50d0d4d262ea8b4716eb40ddc1eb957e11126e8a7149c2d012d37a7115957e64ce30008b9e03"
         "23f2c05a9c1c77b4f37849a695ab255060a33fee770ca95cb8486bfd0843b87024865ca35cc41c4e515c64dcb1369f98635b"
         "c7a5",
     .client =
         "170303003500f8b467d14cf22a4b3f0b6ae0d8e6cc8d08e0db3515ef5c2bdf1922eafbb70009964716d834fb70c3d2a56c5b"
         "1f5f6bdba6c333cf",
     .server_after =
         "1703030043275e9f20acff57bc000657d3867df039cccf79047884cf75771746f740b5a83f462a0954c3581393a203a25a7d"
         "d14141ef1a37900cdb62ff62dee1ba39ab2590cbf19417030300135b18af444e8e1eec7158fb62d8f2577d37ba5d",
     .client_after =
         "1703030043b1cebce242aa201be9ae5e1cb2a9aa4b33d4e866af1edb068919237741aa031d7a74d491c99b9d4e232b74206b"
         "c6fbaa04fe78be44a9b4f54320a17eb76992afac310317030300130facce3246bdfc6369838d6a82ae6de5d422dc",
    },
    {.name = "section 5, retry",
     .group = DOR_GROUP_SECP256R1,
     .scalar = "ab5473467e19346ceb0a0414e41da21d4d2445bc3025afe97c4e8dc8d513da39",
     .psk = NULL,
     .first_hello =
         "010000b00303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f000006130113031302010000"
         "810000000b0009000006736572766572ff01000100000a00080006001d00170018003300260024001d0020e8e8e3f3b93a25"
         "ed97a14a7dcacb8a272c6288e585c6484d05262fcad062ad1f002b0003020304000d0020001e040305030603020308040805"
         "080604010501060102010402050206020202002d00020101001c00024001",
     .retry =
         "020000ac0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c001301000084003300020017"
         "002c0074007271dcd04bb88bc3189119398a00000000eefafc76c146b823b096f8aacad365dd0030953f4edf625636e5f21b"
         "b2e23fcc654b1b5b40318d10d137abcbb87574e36e8a1f025f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e784"
         "1dd9e4c0342267e8ca0caf571fb2b7cff0f934b0002b00020304",
     .hello =
         "010001fc0303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f000006130113031302010001"
         "cd0000000b0009000006736572766572ff01000100000a00080006001d001700180033004700450017004104a6da7392ec59"
         "1e17abfd535964b99894d13befb221b3def2ebe3830eac8f0151812677c4d6d2237e85cf01d6910cfb83954e76ba73528305"
         "34159897e8065780002b0003020304000d0020001e0403050306030203080408050806040105010601020104020502060202"
         "02002c0074007271dcd04bb88bc3189119398a00000000eefafc76c146b823b096f8aacad365dd0030953f4edf625636e5f2"
         "1bb2e23fcc654b1b5b40318d10d137abcbb87574e36e8a1f025f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e7"
         "841dd9e4c0342267e8ca0caf571fb2b7cff0f934b0002d00020101001c00024001001500af00000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "000000000000000000000000",
     .server_hello =
         "020000770303bb341d847fd789c47c387172dc0c9bf147fccacb5043d86ca4c598d3ff571b9800130100004f003300450017"
         "004104583e054b7a66672ae020ad9d2686fcc85b5ad41a134a0f03ee72b893052bd85b4c8de6776f5b04ac07d83540eab3e3"
         "d9c547bc6528c4317d294686093a6cad7d002b00020304",
     .server =
         "170303029699bee20baf5b7fc727bfab6223928a381e6d0cf9c4da653f9d2a7b23f7de11cce842d5cf75631763450ffb8b0c"
         "c1d238e658af7a12adc86243114ab14a1da2fae42621ce483fb6242eabfaad52566b02b31d2eddedefeb80e66a9900d5f973"
         "b40c4fdf74719ecf1b68d7f9c3b6ceb903ca13dd1bb8f8187ae33417e1d152522c5822a1a03ad52c838c55953d610222874c"
         "ce8e1790b229a2aa0b53c8d377ee720182951dc6181dc5d90bd1f0105ed1e84aa5f75957c6661897079e5ea5007449e3197b"
         "dc7c9beeedddeafdd844afa5c315ecfe65e576afe909812880620ec7048b42d7f5c78d76f299d6d82534bdd8f512febc0ed3"
         "814aca470cd8000d3e1cb9962b052fbb950df683a52c2ba77ed3713b122937a6e5170964e2ab7969dcd980b3db9b458da760"
         "3124d6dc005e4d6e04b4d0c4baf3275db827dbba0a6db09672171fc057b3851d7e026841e2978fbd2346bbefdd0376bb1108"
         "fe9acc92189f5650aa5e85d8e8c7b67ac510dba003d3d7e16350bb66d45013efd44c9b607c0d318c4c7d1a1f5cbc57e20611"
         "804e3787d7b4a4b5f08ed8fd70bdaeade02260b12ab842ef690b4a3ee7911e841b374ecd5ebbbc2a54d047b600336dd7d0c8"
         "8b4bc10e58ee6cb656de7247fa20d8e91deb84628608cf80615b62e96c1491c7ac3755eb6901405d3474fe1ac79d106a0cee"
         "56c2577fc88480f96cb6b8c681b7b68b53c146093908f350888175bdfb0b1e31ad61e30ba0adfe6d223aa03c0783b5001a57"
         "587c328a9afcfcfb978d1cd4328f7d9d60530e630befd96c0c816ee20b0100768ae2a6df51fc68f172740a79af11398ee3be"
         "1252491fa9c693479e877f94ab7c5f8cad480203e6ab7b87dd71e8a0729113df17f5eee86ce108d1d72007ec1cd13c85a6c1"
         "49621e77b7d78d805a30f0be030c315e54",
     .client =
         "1703030035d74f1923c662fd34137c6f502f3dd2b93d951d1b3bc97e42afe23c31abea92fe91b474999e85e3b791ce252fe8"
         "c3e9f939a4120cb2",
     .server_after =
         "1703030013519fc5075cb0884349759ff9ef6f011bb4c6f2",
     .client_after =
         "17030300132ea6cdf749196023e2b3a49491695536426047",
    },
    {.name = "section 6, client authentication",
     .group = DOR_GROUP_X25519,
     .scalar = "c040b2bb8f3addd20fd4058c547003a3c6f9c1cd915d5e535c87d8d191aaf071",
     .psk = NULL,
     .hello =
         "010000bc03036a472236328b83af40386d3a3e1f1ce624fa4ed89ab865a4ff0f4144ce3ae233000006130113031302010000"
         "8d0000000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102010301040033002600"
         "24001d0020089cc2671f738d9a671e5b2e464981d05b76e361aa22aea91f1d49ca10a7a362002b0003020304000d0020001e"
         "040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001",
     .server_hello =
         "0200005603033b50fdf1c3d572e40e68953e7fff4e2758459c59afa0582c0ea032874255fe6e00130100002e00330024001d"
         "00206c2e50e865919a6b5a12dfaf918f92b442567b0f89bc54478c6921366658f062002b00020304",
     .server =
         "17030302166d0a7ac079b32a94aa68c4e2893e8bd0d3c185f549c236fbbce3d647f08f3c94a2bf424d8708883605ad8955f9"
         "7718b0213dead13dfb23ebb8381da582756612bcb5a5d40847719fbe9f179bfae656f3ecfd59a4c0d35132ce418a7e46f6b6"
         "a60622f8a6c06b28d83360163563be9c37f97eb902326924a72b3ed8c8381277d1581cab9c3715ac2401398467ad7ebfab3d"
         "0c3419e750104f7d62c5027901f2e4cd4ca5b8071eb03d3c732d83215066dfc4d291d4c1ff3b8d7e4298f677d4d51dea1168"
         "d8f16cb27ba40266313a1fedf9e23cc77f765450f9e96f05d08f3da245b14d4946f07ec81eed6d56f26bd574f0b7f7c70470"
         "37c16fce3b23754e662fad73e2b7213f6af296769c99a1d38e6232e0ec8dc4f84d6aa6f7de3887be0057862f9018e0ab3967"
         "05aa4090ab5f2dff6325a557e7320d4effd46bb4f997d163207cce6665294aa4465541e3fe37ee7350659ea550d6dcb6af3c"
         "518852c7a14c3cc15bc32b3273bdf1751da184203135b117d300204fb12d58ca9ac34b68eca27030832f7a4b46d2a55757f6"
         "3fe8f6e85ac47469e6198da88a64586bf23c69590de822263be75fd836847240c48f8c145cd6bd698962e7edc234ebe59231"
         "351eef8d7652cf3b08ab3af6e5ec74c58a8da34b39f9b0d6c4279a9a1f82071729e7059dd7f7b95b9433c4684ce1891a6d33"
         "432d52eddb0b8cee9181d403eccc12991f1ad4aa62c36049713a7bb135fdda6661a05a93f8c16f",
     .client =
         "1703030280b46a63934e673841abaf267403bc677f6b6d2a1e2f12bb5f62683bfe36a82673f06d6287ddd609bcf2f5fd3225"
         "923d24af3c76682c180ee571a17ca4bfbe2f510dc9a0e1fca5cff2cee87d11cb531a6ef90bf5309a6b63bbbc0b88ea45103a"
         "4304091543859fa11ec032ed873444cd5185ead5f6a76420f0f0286acef802c8e4788c23275f1b06da600f4a7decd0bc59d7"
         "bef10e649ae32690397fc3d4ed6f30f801d8cd569b71ad4fa05ea7cf2ac2dfa150d220505d4011b34d09d53853eba61a101e"
         "4f8dca47d8171a884b19259a3dd48c5ac141983edc77814d25e7f66bbbdb9096839266e06561828ecfb27eafd4e9e81a0b96"
         "e3bfa42dae5ad80359b9a6661402c3a2104177030106dbd8f65bb6a0159d512eb13af22a259f313bd58c2e21fe053d57f2a9"
         "62b0a4ea682c96f70b79b560136192823b27be6a2fb7b1c751ccc0e3303615541485b7b307b423332c11efa80b72f9b80a53"
         "e53f7bb38a3af4c59f8008bad0544e5614e688ff57bccd6935f81f447f420c1c1bf4058818e90bf5dc716ccae42524856df8"
         "250bcdbd7af65f82dd53061d024f6d2ff5c11e3792a9a70e0ee2a3c20a1b968ac391f8f92831135d25242ada2fe241c2653e"
         "c996339dfa12dfae7a3373df88b07ca27aef6dc266a25f13f75c76039c1f46fd7a53ae6399c999f4b2aee18e480d6d12bfae"
         "226bbdc92a6ad50b4d3bac7abc3b3651eb5be56f33bf41127b3ca886dc714a50d1490357bd40d9fd6be42209a4ddb9ebb298"
         "7e29f120f05814614d2c79320015b461fe7324447670a1af5f65caed15b474ab7faa495016adf808e53b94ef54afbb0e0a3a"
         "2732ab597f7d5923c77386aa5124731f8cc73e703b341c175a454939a77ab64313c15cf3fe03c4f33842564976",
     .server_after =
         "17030300131decc5d6e64bba8a6f21b4fd077497da2a90cb",
     .client_after =
         "1703030013e4ad7d44c29245339d355962c779b89ef44c58",
    },
    {.name = "section 7, compatibility",
     .group = DOR_GROUP_X25519,
     .scalar = "dea00b45695dc781f19d34a62c1afd31ab4369af1e855a3bbb258d8442cde6d7",
     .psk = NULL,
     .hello =
         "010000dc03034e640a3f2c2738f09c9418bd78edccd7559d0531199276d4d92a0e9ee9d77d0920a80c165581a8e0d06c0018"
         "d54d3a06dd32cfd4051eb026fad3fd0ba99269e6ef00061301130313020100008d0000000b0009000006736572766572ff01"
         "000100000a00140012001d00170018001901000101010201030104003300260024001d00208e7292cf3056dbb0d25fcbe55c"
         "107dc9bbf83dd9708f39203ba341249a7d9b63002b0003020304000d0020001e040305030603020308040805080604010501"
         "060102010402050206020202002d00020101001c00024001",
     .server_hello =
         "020000760303e5dd5948c435f7a38f0f0130708dc322d9df09abd4838117c183a7bb6d994f2c20a80c165581a8e0d06c0018"
         "d54d3a06dd32cfd4051eb026fad3fd0ba99269e6ef130100002e00330024001d00203e30f0f4ba551afd62768341175f5265"
         "e4daf0c8841617aa4fafdd2142320c22002b00020304",
     .server =
         "17030302a248de891d9c3624a67a6c6f0601ab7ac20c1f6a9e14d2e6007e999e130367a8af1bcfea9498fbce19df4505eece"
         "3a25da523cbe55ea1b3bda4e91995e455d500a4faa6227b7111e1c8547e2d7c179db215303d25827f3cd18f48f6491328cf5"
         "c0f814d388150bd9e9264aae491db6995069bea17665d5e0c817284d4ac21880054c3657331e23a9304dc88a15c04ec80bd3"
         "852bf7f9d3c6615b15fac83bbca031c6d2310d9f5d7a4b020a4f7c19062b65c05a1d3264b557ec9d8e0f7cee27e36f793039"
         "de8dd96edfca9009e0651034bff31d7f349eece01d99fcb5fcab840d7707c72299c3b5d04564e880a33c5e846c762e3d922b"
         "b55303d1d87cc0f06573f17dcb9b8ffd35bbd883c1cb3aa24fcc325005f768ce2fb624ca97b6c4d98e17f35bc2c7940a0610"
         "0c2d448db7180b2d862164435c9c210e9860394e05aab23ff1b0203f662c588da5bc4411477a30b41136c488a0a63fcab5c1"
         "5ac613226dae827a1d1fe95ece6b30bcee1560a8d408d264555e760f9bfc624c2c87fd0456c9bfb41bcd1a7b212786d2b67f"
         "d57804facfa1eef7cf2919d8b998c9789f763b4d9caa093a9ded43175d46a76b4d54f0ce0c5d2259b607e30a9d241263874f"
         "a59d6f570dc40d83a2d83bf9e9850d454c57806535a8998ae0357df92f00b9667344c24114ccc9ef539124b204e7e6e748c3"
         "0a28a3d1d183997243eaccbbd33b0c1115a0327106a1e6a75271d4983086f632ff0eb8b4c63102cbcef5bb72dae1279d5de8"
         "eb19096d8cdb07fa8ea989788fac23e66e0488c193f3f3fea8c8838896bf3ae4b6848d42ced4bdf41abe6fc331b44225e7a1"
         "f7d3564147d5458e71aa909cb02be958bbc42e3aa5a27cc6eaf4b6fe51ae4495694d8ab6320aab920183fd5b31a359042fbd"
         "67391ec5e4d1892a2e5210141a494e9301b24a113c474c7f2a73457847",
     .client =
         "170303003532d030e273773a8696c799981af6ced07f87482e81565e394e87c867f33df3d65b7506f1a626af91d4821d5f7a"
         "1f210ef8dd3c6d16",
     .server_after =
         "1703030013b7257b0fecaf69d4f09e3f891e2a25d1e28845",
     .client_after =
         "17030300130f629155382dba23c4e2c5f7f84e6f2ed3083d",
    },};
/* clang-format on */

enum { LONGEST = 2048, HEADER = DOR_RECORD_HEADER_LEN };

static dor_tls *t;
static const trace *now;

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
}

TestSuite(tls13_traces, .init = set_up, .fini = tear_down);

static void good(dor_result r, const char *what)
{
    cr_assert(dor__ok(r), "%s: %s: %x", now->name, what, -r.code);
}

static void add(dor_span message)
{
    good(dor__transcript_add(&t->hs->transcript, message), "transcript");
}

static void said(const char *hex)
{
    uint8_t message[LONGEST];
    size_t len = hex_read(hex, message, sizeof message);
    cr_assert(len);
    add(dor__span(message, len));
}

/* verify_data over what was said so far. */
static void finished_is(const uint8_t *secret, dor_span message)
{
    uint8_t digest[DOR_HASH_MAX_LEN], mac[DOR_HASH_MAX_LEN];
    good(dor__transcript_digest(&t->hs->transcript, digest), "digest");
    good(dor__finished_mac(DOR_HASH_SHA256, secret, dor__span(digest, 32), mac), "Finished");
    cr_assert_eq(message.len, 36u);
    cr_assert_arr_eq(message.ptr + 4, mac, 32, "%s", now->name);
}

/* Whole messages; Finished, where one is, is by who has that secret. */
static size_t messages(dor_span content, const uint8_t *secret)
{
    size_t finished = 0;
    for (size_t at = 0, len; at < content.len; at += len) {
        const uint8_t *h = content.ptr + at;
        cr_assert_leq(at + 4, content.len);
        len = 4 + ((size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3]);
        cr_assert_leq(at + len, content.len, "%s", now->name);
        if (h[0] == DOR_HS_FINISHED) {
            finished_is(secret, dor__span(h, len));
            finished++;
        }
        add(dor__span(h, len));
    }
    return finished;
}

/* Opens each record, and seals it again. Handshake messages go into the transcript; how many Finished there were. */
static size_t records(const char *hex, const uint8_t *secret, bool in_transcript)
{
    static uint8_t bytes[LONGEST], copy[LONGEST];
    dor_protection opens, seals;
    size_t finished = 0, all = hex ? hex_read(hex, bytes, sizeof bytes) : 0;
    good(dor__traffic_keys(t, secret, &opens), "keys");
    good(dor__traffic_keys(t, secret, &seals), "keys");
    for (size_t at = 0, len; at < all; at += len) {
        uint8_t type;
        dor_span payload;
        dor_bytes again = DOR_BYTES_EMPTY;
        len = HEADER + ((size_t)bytes[at + 3] << 8 | bytes[at + 4]);
        cr_assert_leq(at + len, all);
        memcpy(copy, bytes + at, len);
        good(opens.ops->open(&opens, copy, len - HEADER, &type, &payload), "opened");
        good(dor__record_write(&seals, type, DOR_TLS_1_2, DOR_RECORD_MAX_PLAINTEXT, payload, &again),
             "sealed");
        cr_assert(dor__span_equal(dor__bytes_span(&again), dor__span(bytes + at, len)), "%s", now->name);
        dor__bytes_free(&again);
        if (type == DOR_CONTENT_HANDSHAKE && in_transcript) finished += messages(payload, secret);
    }
    dor__protection_fini(&opens);
    dor__protection_fini(&seals);
    return finished;
}

/* The client's pair, whose share stands in its hello, and what comes of the server's. */
static void share(void)
{
    uint8_t scalar[32], hello[LONGEST], server_hello[LONGEST];
    size_t len = 0, hello_len = hex_read(now->hello, hello, sizeof hello);
    size_t server_len = hex_read(now->server_hello, server_hello, sizeof server_hello);
    dor_kx *kx;
    cr_assert_eq(hex_read(now->scalar, scalar, sizeof scalar), sizeof scalar);
    good(dor__kx_from_scalar(&kx, now->group, dor__span(scalar, sizeof scalar)), "pair");
    dor_span mine = dor__kx_public(kx);
    cr_assert_not_null(memmem(hello, hello_len, mine.ptr, mine.len), "%s", now->name);
    /* key_share: type, length, group, length, value. */
    const uint8_t head[] = {0,
                            51,
                            0,
                            (uint8_t)(mine.len + 4),
                            (uint8_t)(now->group >> 8),
                            (uint8_t)now->group,
                            0,
                            (uint8_t)mine.len};
    const uint8_t *theirs = memmem(server_hello, server_len, head, sizeof head);
    cr_assert_not_null(theirs, "%s", now->name);
    good(dor__kx_derive(kx, dor__span(theirs + sizeof head, mine.len), pair.rng[0], t->hs->shared_secret,
                        &len),
         "shared secret");
    t->hs->shared_secret_len = len;
    dor__kx_free(kx);
}

static void early(dor_span psk)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    good(dor__transcript_digest(&t->hs->transcript, digest), "digest");
    good(dor__early_traffic_secret(t, t->suite, psk, digest), "early secret");
    uint8_t secret[DOR_SECRET_MAX_LEN];
    memcpy(secret, t->hs->early_secret, sizeof secret);
    cr_assert_eq(records(now->early, secret, false), 0u);
}

static void follow(void)
{
    uint8_t psk[32];
    dor_span secret = now->psk ? dor__span(psk, hex_read(now->psk, psk, sizeof psk)) : DOR_SPAN_EMPTY;
    if (now->retry) {
        said(now->first_hello);
        good(dor__transcript_retry(&t->hs->transcript), "retry");
        said(now->retry);
    }
    said(now->hello);
    if (now->early) early(secret);
    share();
    good(dor__schedule_early(t, secret), "early secret");
    said(now->server_hello);
    good(dor__schedule_handshake(t), "handshake secrets");
    cr_assert_eq(records(now->server, t->hs->server_secret, true), 1u);
    good(dor__schedule_master(t), "application secrets");
    if (now->psk) { /* EndOfEarlyData stands between, under the early keys */
        static const uint8_t end[] = {DOR_HS_END_OF_EARLY_DATA, 0, 0, 0};
        add(dor__span(end, sizeof end));
    }
    cr_assert_eq(records(now->client, t->hs->client_secret, true), 1u);
    cr_assert_eq(records(now->server_after, t->hs->server_app_secret, false), 0u);
    cr_assert_eq(records(now->client_after, t->hs->client_app_secret, false), 0u);
}

Test(tls13_traces, every_record)
{
    for (size_t i = 0; i < COUNT(traces); i++) {
        now = &traces[i];
        prepare(NULL, NULL);
        t = pair.client.tls;
        good(dor__version_settle(t, DOR_TLS_1_3), "version");
        good(dor__suite_settle(t, dor__suite_find(0x1301)), "suite");
        follow();
    }
}
